"""Parsers that are fed with anything: what is no data set is refused in one plain sentence."""
