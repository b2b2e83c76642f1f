//! `--tenant`, the same wherever a command reads or changes what is somebody's.

use clap::Args;
use helm_core::TenantId;

/// Whose data a command is about.
#[derive(Args, Clone, Debug)]
pub(crate) struct OfTenant {
    /// In which tenant. Without keys of several tenants there is only this one.
    #[arg(long, value_name = "TENANT", default_value_t = TenantId::single())]
    pub(crate) tenant: TenantId,
}
