//! The facade of Helm: builder, one turn end to end, feedback, background work.
