//! Simulated users and environments to try policies, rewards and experiments on.
