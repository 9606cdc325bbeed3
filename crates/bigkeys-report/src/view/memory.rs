//! What the memory model assumes, what it adds up, and how far it may be off.

use rdb_analysis::Report;
use serde::Serialize;

use crate::account::Account;
use crate::text::{counted, plain};

/// The account of the sources with one model.
#[derive(Debug, Serialize)]
pub(super) struct ModelView {
    title: String,
    parts: Vec<(&'static str, String)>,
    remarks: Vec<String>,
}

/// One account for each model.
pub(super) fn models(report: &Report) -> Vec<ModelView> {
    let accounts = Account::by_model(report);
    let view = |account: &Account| ModelView {
        title: format!("Memory of {}, after loading", counted(account.sources, "file")),
        parts: account.parts().into_iter().filter_map(|(part, bytes)| Some((part, bytes?))).collect(),
        remarks: account.remarks().iter().map(|line| plain(line)).collect(),
    };
    accounts.iter().map(view).collect()
}
