"""What is measured of the pixels of wells: nuclei, focus, saturation."""
