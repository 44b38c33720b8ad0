"""What a reviewer decides about wells: tags and notes, kept in one file a data set and reviewer."""
