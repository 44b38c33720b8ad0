"""Two maps compared with each other, and a map with what is published: the benchmarks."""
