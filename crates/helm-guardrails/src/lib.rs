//! Verdicts on text before and after a model, whole or streaming, with spans into the original.
