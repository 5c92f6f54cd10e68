"""The paper's experiments, one module each, whose `run(study, folder)` draws its figures and returns its numbers."""
