"""Training a model on a task: loop, schedule, seeds, and checkpoints from which a run resumes to the same bits."""
