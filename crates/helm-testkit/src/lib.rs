//! Scripted model server with faults, fixed clock, fixtures: for Helm's own tests.
