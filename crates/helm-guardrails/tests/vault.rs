//! Values go into a vault and come back.

#![cfg(feature = "vault")]

use helm_core::Stage;
use helm_guardrails::{Error, GuardrailEngine, Vault, VaultKey};
use proptest::prelude::*;

const MESSAGE: &str =
    "I am ana@example.com, my card is 4111 1111 1111 1111; write to ana@example.com or bob@example.com.";

fn hidden(vault: &mut Vault, message: &str) -> String {
    let result = GuardrailEngine::standard().pseudonymise(Stage::Input, message, vault);
    result.text(message).to_owned()
}

#[test]
fn the_same_value_has_the_same_placeholder_and_comes_back() {
    let mut vault = Vault::new().unwrap();
    let text = hidden(&mut vault, MESSAGE);
    assert_eq!(vault.len(), 3);
    assert!(
        text.contains("<CREDIT_CARD_1_") && text.contains("<EMAIL_2_") && !text.contains("example.com"),
        "{text}"
    );
    assert_eq!(text.matches("<EMAIL_1_").count(), 2);
    assert_eq!(vault.restore(&text).text, MESSAGE);
    assert_eq!(hidden(&mut vault, MESSAGE), text, "also in the next message");
    assert_eq!(hidden(&mut vault, &text), text, "a placeholder is no personal data");
}

#[test]
fn a_placeholder_of_another_vault_or_a_guessed_one_is_left_and_told() {
    let mut vault = Vault::new().unwrap();
    let own = vault.placeholder("EMAIL", "ana@example.com").to_owned();
    let other = Vault::new().unwrap().placeholder("EMAIL", "ana@example.com").to_owned();
    assert_ne!(own, other);
    let guessed = own.replace("_1_", "_2_");
    let text = format!("{other} {own} {guessed} <b> <EMAIL_1_short>");
    let restored = vault.restore(&text);
    assert_eq!(restored.text, format!("{other} ana@example.com {guessed} <b> <EMAIL_1_short>"));
    let unknown: Vec<_> = restored.unknown.iter().map(|span| &text[span.start..span.end]).collect();
    assert_eq!(unknown, [other.as_str(), guessed.as_str()]);
}

#[test]
fn arguments_stay_json() {
    let mut vault = Vault::new().unwrap();
    let placeholder = vault.placeholder("NAME", "Ana \"the\nfirst\"").to_owned();
    let raw = format!("{{\"name\": \"{placeholder}\"}}");
    let restored: serde_json::Value = serde_json::from_str(&vault.restore_json(&raw).text).unwrap();
    assert_eq!(restored["name"], "Ana \"the\nfirst\"");
}

#[test]
fn odd_names_of_entities_make_placeholders_too() {
    let mut vault = Vault::new().unwrap();
    for name in ["", "naïve-kind", "A>B", &"LONG".repeat(30)] {
        let placeholder = vault.placeholder(name, "value").to_owned();
        assert_eq!(vault.restore(&placeholder).text, "value", "{placeholder}");
    }
}

#[test]
fn a_sealed_vault_is_read_with_its_key_for_its_conversation_alone() {
    let mut vault = Vault::new().unwrap();
    let text = hidden(&mut vault, MESSAGE);
    let key = VaultKey::new([7; 32]);
    let sealed = vault.seal(&key, "conversation 1").unwrap();
    assert_ne!(sealed, vault.seal(&key, "conversation 1").unwrap());
    assert!(!sealed.windows(4).any(|part| part == b"ana@"));
    let mut again = Vault::unseal(&sealed, &key, "conversation 1").unwrap();
    assert_eq!(again.restore(&text).text, MESSAGE);
    assert_eq!(hidden(&mut again, MESSAGE), text, "and goes on as before");
    let refused = |sealed: &[u8], key: [u8; 32], conversation| {
        Vault::unseal(sealed, &VaultKey::new(key), conversation).err() == Some(Error::NotSealed)
    };
    assert!(refused(&sealed, [8; 32], "conversation 1"));
    assert!(refused(&sealed, [7; 32], "conversation 2"));
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(refused(&changed, [7; 32], "conversation 1"), "byte {at}");
        assert!(refused(&sealed[..at], [7; 32], "conversation 1"), "{at} bytes");
    }
}

#[test]
fn nothing_of_a_value_is_shown() {
    let mut vault = Vault::new().unwrap();
    let text = hidden(&mut vault, MESSAGE);
    let shown = format!("{vault:?} {:?} {:?}", vault.restore(&text), VaultKey::new([7; 32]));
    assert!(!shown.contains("ana") && !shown.contains('7'), "{shown}");
}

proptest! {
    #[test]
    fn what_is_restored_in_pieces_is_what_is_restored_whole(
        parts in proptest::collection::vec(prop_oneof![
            Just("<EMAIL_1>".to_owned()), Just("<".to_owned()), "[<>A-Z_0-9a-c]{0,12}", "\\PC{0,5}",
            Just("\u{1}".to_owned()), Just("<EMAIL_3_bcdfghjkmnpq>".to_owned()),
        ], 0..20),
        sizes in proptest::collection::vec(1_usize..9, 1..5),
    ) {
        let mut vault = Vault::new().unwrap();
        let placeholder = vault.placeholder("EMAIL", "ana@example.com").to_owned();
        let text = parts.concat().replace('\u{1}', &placeholder);
        let whole = vault.restore(&text);
        prop_assert_eq!(&whole.text, &text.replace(&placeholder, "ana@example.com"));
        let (mut restorer, mut restored, mut rest) = (vault.restorer(), String::new(), text.as_str());
        for size in sizes.iter().cycle() {
            let at = rest.char_indices().nth(*size).map_or(rest.len(), |(at, _)| at);
            restored.push_str(&restorer.push(&rest[..at]));
            rest = &rest[at..];
            if rest.is_empty() {
                break;
            }
        }
        let last = restorer.finish();
        prop_assert_eq!(restored + &last.text, whole.text);
        prop_assert_eq!(last.unknown, whole.unknown);
    }

    #[test]
    fn what_is_no_sealed_vault_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Vault::unseal(&bytes, &VaultKey::new([7; 32]), "").is_err());
    }
}
