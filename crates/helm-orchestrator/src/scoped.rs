//! Whose warnings are told.

use helm_core::TenantId;

/// Of which tenants something is told.
#[derive(Clone, Copy)]
pub(crate) enum Whose<'a> {
    /// Of one alone.
    Tenant(&'a TenantId),
    /// Of all.
    Everybody,
}

impl Whose<'_> {
    /// Whether it is told of this tenant.
    pub(crate) fn holds(self, tenant: &TenantId) -> bool {
        match self {
            Self::Tenant(own) => own == tenant,
            Self::Everybody => true,
        }
    }
}

/// What a command of `helmctl` needs to be about this tenant.
pub(crate) fn of_tenant(tenant: &TenantId) -> String {
    match *tenant == TenantId::single() {
        true => String::new(),
        false => format!(" --tenant {tenant}"),
    }
}
