"""Work in the background: tasks, their groups, pictures made in threads, calls put off."""
