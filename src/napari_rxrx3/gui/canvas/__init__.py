"""What is in napari's canvas: layers, pictures and what is written over them."""
