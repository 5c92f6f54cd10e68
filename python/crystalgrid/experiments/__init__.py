"""The paper's experiments, one noun each: `run(study, folder)` draws its figures and returns its numbers."""
