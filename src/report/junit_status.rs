//! How a test case that did not pass is written.

use quick_junit::{NonSuccessKind, TestCaseStatus};

/// A failure, unless the caller lets inconclusive through.
pub(super) fn inconclusive(exit_code: u8, message: &str) -> TestCaseStatus {
    if exit_code != 0 {
        return not_passed(NonSuccessKind::Failure, "inconclusive", message);
    }
    let mut status = TestCaseStatus::skipped();
    status.set_type("inconclusive").set_message(message);
    status
}

/// A failure or an error with its type.
pub(super) fn not_passed(kind: NonSuccessKind, name: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name).set_message(message);
    status
}
