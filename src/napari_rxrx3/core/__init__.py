"""Values and rules of the field, without files, Qt or napari."""
