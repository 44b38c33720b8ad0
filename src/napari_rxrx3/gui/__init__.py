"""The window: Qt widgets and napari layers around one session."""
