"""Files and tables, local or remote: how they are opened, read and written."""
