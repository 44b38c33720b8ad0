"""Bad input, made by a script: each case is a folder that holds a data set and something wrong."""
