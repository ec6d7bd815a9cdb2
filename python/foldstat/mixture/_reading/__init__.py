"""What one does with a fitted mixture: parts of it, probabilities, summaries of its shape, other forms of it."""
