//! Golden files: what a report said before. `UPDATE_GOLDEN=1` rewrites them.

use std::path::PathBuf;

/// Compares a text with a file in `tests/golden`.
#[track_caller]
pub(crate) fn check(file: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(before == text, "{} differs; UPDATE_GOLDEN=1 rewrites it\n{text}", path.display());
}
