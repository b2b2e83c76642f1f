//! `helmctl keys`.

use clap::Subcommand;

use super::OfTenant;

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key that every server on the database knows: it is shown once, and only its hash is kept.
    #[command(
        after_help = "Examples:\n  helmctl keys create shop --role chat\n  helmctl keys create prometheus --role metrics --expires 90d --output json\n\nchat has turns, judges them and uses the chat APIs; read looks at everything of the tenant; metrics asks for /metrics; admin\ndoes everything."
    )]
    Create {
        /// What it is called; limits are counted by the name.
        name: String,
        /// What it may do: chat, read, metrics or admin.
        #[arg(long, default_value = "chat")]
        role: String,
        #[command(flatten)]
        of: OfTenant,
        /// How long it opens anything: 90d, 12h, 52w. Default: for ever.
        #[arg(long, value_name = "AGE")]
        expires: Option<String>,
    },
    /// The keys of the database, without the keys.
    #[command(after_help = "Examples:\n  helmctl keys list\n  helmctl keys list --tenant shop --output json")]
    List {
        /// Only this tenant's.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make a new key of the same name, role and lifetime, and let the old ones end after a while.
    #[command(after_help = "Example: helmctl keys rotate shop --overlap 7d")]
    Rotate {
        /// Its name or id.
        key: String,
        #[command(flatten)]
        of: OfTenant,
        /// How long both open.
        #[arg(long, value_name = "AGE", default_value = "24h")]
        overlap: String,
    },
    /// Let a key open nothing any more, at once.
    #[command(after_help = "Example: helmctl keys revoke 1f9c27e0")]
    Revoke {
        /// Its id, or its name for all of that name.
        key: String,
        #[command(flatten)]
        of: OfTenant,
    },
    /// Make a key for server.keys_file or HELM_API_KEYS: it is shown once, with the entry that holds its hash.
    New {
        /// What it is called.
        name: String,
        /// What it may do: chat, read, metrics or admin. Default: admin.
        #[arg(long)]
        role: Option<String>,
        /// Whose data it opens. Default: that of the installation's only tenant.
        #[arg(long)]
        tenant: Option<String>,
    },
}
