//! Speaks model providers' wire formats correctly and survives their failures.
