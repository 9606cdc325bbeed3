//! Long answers: rendered once for all who read them at the same time, and bounded in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Memory for long answers, until their last byte is sent.
const BUDGET_BYTES: u64 = 64 << 20;

/// Unit of the budget.
const PERMIT_BYTES: u64 = 1 << 10;

/// Copies of a result that exist while it is rendered: the row, the text, the objects and the answer.
const COPIES: u64 = 4;

/// Time limit for memory to become free by default.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of remembered answers from which on those that nobody reads are forgotten.
const MAX_REMEMBERED: usize = 1024;

/// What an answer shows of a task. A task that has ended does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    Result,
    Report,
    /// The report as an HTML page.
    Page,
}

impl Shown {
    fn content_type(self) -> &'static str {
        match self {
            Self::Result | Self::Report => "application/json",
            Self::Page => "text/html; charset=utf-8",
        }
    }
}

/// The long answers that are being read.
#[derive(Debug)]
pub(crate) struct Answers {
    live: Mutex<HashMap<(Shown, String), Weak<Answer>>>,
    budget: Arc<Semaphore>,
    /// Time limit for memory to become free.
    timeout: Duration,
}

#[derive(Debug)]
struct Answer {
    text: String,
    _memory: OwnedSemaphorePermit,
}

/// A reader's part of an answer, which keeps it in memory.
struct Reader(Arc<Answer>);

impl AsRef<[u8]> for Reader {
    fn as_ref(&self) -> &[u8] {
        self.0.text.as_bytes()
    }
}

impl Default for Answers {
    fn default() -> Self {
        let permits = usize::try_from(BUDGET_BYTES / PERMIT_BYTES).unwrap_or(Semaphore::MAX_PERMITS);
        Self { live: Mutex::default(), budget: Arc::new(Semaphore::new(permits)), timeout: BUDGET_TIMEOUT }
    }
}

impl Answers {
    /// The text that `render` makes of a stored result of `stored_bytes`.
    ///
    /// # Errors
    ///
    /// `render` fails, or other answers take all memory.
    pub(crate) async fn answer(
        &self,
        shown: Shown,
        task: &str,
        stored_bytes: u64,
        render: impl Future<Output = Result<String, ApiError>>,
    ) -> Result<Response, ApiError> {
        let content = self.content((shown, task.to_owned()), stored_bytes, render).await?;
        Ok(([(header::CONTENT_TYPE, shown.content_type())], content).into_response())
    }

    async fn content(
        &self,
        key: (Shown, String),
        stored_bytes: u64,
        render: impl Future<Output = Result<String, ApiError>>,
    ) -> Result<Bytes, ApiError> {
        if let Some(content) = self.read_along(&key) {
            return Ok(content);
        }
        let needed = permits(stored_bytes.saturating_mul(COPIES));
        let acquired = Arc::clone(&self.budget).acquire_many_owned(needed);
        let acquired = tokio::time::timeout(self.timeout, acquired).await;
        let Ok(Ok(mut memory)) = acquired else { return Err(ApiError::BUSY) };
        // Another request may have rendered it meanwhile.
        if let Some(content) = self.read_along(&key) {
            return Ok(content);
        }
        let text = render.await?;
        let spare = needed.saturating_sub(permits(text.len() as u64));
        drop(memory.split(usize::try_from(spare).unwrap_or_default()));
        let answer = Arc::new(Answer { text, _memory: memory });
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.len() >= MAX_REMEMBERED {
            live.retain(|_, answer| answer.strong_count() > 0);
        }
        live.insert(key, Arc::downgrade(&answer));
        Ok(Bytes::from_owner(Reader(answer)))
    }

    /// An answer that somebody reads already.
    fn read_along(&self, key: &(Shown, String)) -> Option<Bytes> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(key)?.upgrade().map(|answer| Bytes::from_owner(Reader(answer)))
    }
}

/// The part of the budget for a number of bytes. One answer may have all of it.
fn permits(bytes: u64) -> u32 {
    let permits = bytes.min(BUDGET_BYTES).div_ceil(PERMIT_BYTES);
    u32::try_from(permits).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(task: &str) -> (Shown, String) {
        (Shown::Report, task.to_owned())
    }

    #[tokio::test]
    async fn an_answer_is_rendered_once_for_all_who_read_it() {
        let (answers, rendered) = (Answers::default(), AtomicUsize::new(0));
        let render = || async {
            rendered.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok("x".repeat(20 << 20))
        };
        // Each of them needs more than half of the memory, so one renders and the others wait.
        let all: Vec<_> = (0..40).map(|_| answers.content(key("a"), 10 << 20, render())).collect();
        let all: Vec<_> = futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(rendered.load(Ordering::Relaxed), 1);
        assert!(all.iter().all(|content| content.as_ptr() == all[0].as_ptr()));
        assert_eq!(answers.budget.available_permits(), (64 - 20) << 10);
        drop(all);
        assert_eq!(answers.budget.available_permits(), 64 << 10);
        answers.content(key("a"), 1, render()).await.expect("rendered");
        assert_eq!(rendered.load(Ordering::Relaxed), 2, "nobody reads the first any more");
    }

    #[tokio::test]
    async fn answers_beyond_the_memory_wait_and_are_refused() {
        let answers = Answers { timeout: Duration::from_millis(20), ..Answers::default() };
        let held = answers.content(key("a"), u64::MAX, async { Ok("x".repeat(64 << 20)) }).await;
        let refused = answers.content(key("b"), 1, async { Ok(String::new()) }).await;
        assert_eq!(refused, Err(ApiError::BUSY));
        drop(held);
        assert!(answers.content(key("b"), 1, async { Ok(String::new()) }).await.is_ok());
        let failed = answers.content(key("c"), 1, async { Err(ApiError::INTERNAL) }).await;
        assert_eq!(failed, Err(ApiError::INTERNAL));
        assert_eq!(answers.budget.available_permits(), 64 << 10);
    }
}
