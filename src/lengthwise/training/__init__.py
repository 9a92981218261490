"""Training a model on a task: the loop, its schedule, its seeds, and checkpoints it resumes from to the same bits."""
