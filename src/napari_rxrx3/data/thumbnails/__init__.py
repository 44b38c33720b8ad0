"""Small pictures of whole plates, made once and kept."""
