"""Work in the background: tasks and their groups, results in threads, debounced calls."""
