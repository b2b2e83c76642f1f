use super::sections::HelmConfig;
use super::strategies::read;
use crate::error::{Error, Result};

/// The environment variable that holds the API's keys unless another one is named.
const KEYS: &str = "HELM_API_KEYS";

impl HelmConfig {
    /// The entries of the keys that open the API, as the server reads them; `None` when it is open to all who reach it.
    ///
    /// # Errors
    ///
    /// Fails when two places are named, or what is named is not there.
    pub fn api_keys(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>> {
        self.entries(variable).map_err(|error| self.locate(error))
    }

    /// What is wrong with the entries that [`HelmConfig::api_keys`] answers, with the place that they come from: `line` is
    /// theirs, counted from 1.
    #[must_use]
    pub fn wrong_api_keys(&self, line: usize, why: &str) -> Error {
        let server = &self.server;
        let (place, message) = match (&server.keys_file, &server.keys_env) {
            (Some(file), _) => {
                let file = self.folder.join(file);
                ("server.keys_file", format!("{}, line {line}: {why}", file.display()))
            }
            (None, Some(_)) => ("server.keys_env", why.to_owned()),
            (None, None) => (KEYS, why.to_owned()),
        };
        self.locate(Error::config(place, message))
    }

    fn entries(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>> {
        let server = &self.server;
        match (&server.keys_file, &server.keys_env) {
            (Some(_), Some(_)) => {
                Err(Error::config("server.keys_env", "give either keys_file or keys_env, not both"))
            }
            (Some(file), None) => read(&self.folder.join(file)).map(Some).map_err(|error| {
                let message =
                    format!("{}; `helmctl keys new NAME` writes what belongs there", error.report());
                Error::config("server.keys_file", message)
            }),
            (None, Some(name)) => variable(name).map(Some).ok_or_else(|| {
                let message = "the environment variable that it names is not set";
                Error::config("server.keys_env", message)
            }),
            (None, None) => Ok(variable(KEYS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> HelmConfig {
        HelmConfig::from_toml(text, Path::new("helm.toml")).unwrap()
    }

    #[test]
    fn keys_come_from_one_place() {
        let set = |name: &str| (name == "HELM_API_KEYS").then(|| "a:1".to_owned());
        let unset = |_: &str| None;
        assert_eq!(config("").api_keys(&unset).unwrap(), None);
        assert_eq!(config("").api_keys(&set).unwrap().as_deref(), Some("a:1"));
        let named = config("[server]\nkeys_env = \"OTHER\"");
        assert!(
            named.api_keys(&set).unwrap_err().to_string().contains("not set"),
            "a named place must be there"
        );
        let both = config("[server]\nkeys_env = \"OTHER\"\nkeys_file = \"keys\"");
        assert!(both.api_keys(&set).unwrap_err().to_string().contains("either"));
        let file = config("[server]\nkeys_file = \"no/such/file\"");
        assert!(file.api_keys(&set).is_err());
        let missing = file.api_keys(&set).unwrap_err().to_string();
        assert!(
            missing.starts_with("helm.toml, line 2: server.keys_file: cannot read no/such/file"),
            "{missing}"
        );
    }
}
