"""The table of wells, from metadata of any form."""
