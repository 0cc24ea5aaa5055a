//! A platform whose adapter may block the thread it runs on: its calls are made on threads of its own.
//!
//! The threads are those that a tokio runtime keeps for blocking calls, one such runtime per platform, so that a platform that
//! blocks for good takes neither a thread of the delivery runtime nor one of another platform.

use std::{future::Future, panic::resume_unwind, sync::Arc};

use async_trait::async_trait;
use notifyhub_platforms::{
    Platform,
    contract::{Capabilities, Envelope, Receipt, SendError},
};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::AbortHandle,
};

/// Threads of one platform at most, and so calls of it under way.
pub const THREADS_MAX: usize = 16;

/// A platform with threads of its own.
pub struct Blocking {
    platform: Arc<dyn Platform>,
    /// Until it is dropped.
    threads: Option<Runtime>,
}

impl Blocking {
    /// Calls `platform` on up to `threads` threads.
    pub fn new(platform: Arc<dyn Platform>, name: &str, threads: usize) -> Self {
        let mut builder = Builder::new_current_thread();
        let threads = builder.max_blocking_threads(threads.clamp(1, THREADS_MAX)).thread_name(format!("nh {name}"));
        let threads = threads.build().expect("a runtime without drivers needs nothing that could be missing");
        Self { platform, threads: Some(threads) }
    }

    /// What a call answers that is made on one of its threads. Dropped before it has begun, it never begins; dropped later, it goes
    /// on there and its answer is lost.
    async fn call<T: Send + 'static, F: Future<Output = T>>(
        &self,
        call: impl FnOnce(Arc<dyn Platform>) -> F + Send + 'static,
    ) -> T {
        let (platform, delivery) = (self.platform.clone(), Handle::current());
        let threads = self.threads.as_ref().expect("there are threads until it is dropped");
        let called = threads.spawn_blocking(move || delivery.block_on(call(platform)));
        let _unless_it_ends = Abort(called.abort_handle());
        match called.await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The process ends: whoever waits for this is dropped with it.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Calls off what has not begun.
struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Its threads end when what they do does; nobody waits for them.
impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

#[async_trait]
impl Platform for Blocking {
    fn capabilities(&self) -> Capabilities {
        self.platform.capabilities()
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        self.platform.verify(recipient)
    }

    fn lane(&self, recipient: Option<&str>) -> Option<String> {
        self.platform.lane(recipient)
    }

    fn weight(&self, envelope: &Envelope) -> u32 {
        self.platform.weight(envelope)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let envelope = envelope.clone();
        self.call(async move |platform: Arc<dyn Platform>| platform.send(&envelope).await).await
    }

    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let batch = batch.to_vec();
        self.call(async move |platform: Arc<dyn Platform>| platform.send_batch(&batch).await).await
    }

    async fn check(&self) -> Result<(), SendError> {
        self.call(async move |platform: Arc<dyn Platform>| platform.check().await).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Mutex, mpsc},
        time::{Duration, SystemTime},
    };

    use futures_util::FutureExt;
    use notifyhub_platforms::contract::{EnvelopeId, Message};

    use super::*;

    /// Tells that it was called, then blocks its thread until it may go on.
    struct Stone {
        called: mpsc::Sender<Option<String>>,
        go_on: Mutex<mpsc::Receiver<()>>,
    }

    #[async_trait]
    impl Platform for Stone {
        fn capabilities(&self) -> Capabilities {
            Capabilities { blocking: true, ..Capabilities::default() }
        }

        async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
            let thread = std::thread::current().name().map(str::to_owned);
            self.called.send(thread).expect("the test waits");
            if envelope.message.body == "panic" {
                std::panic::resume_unwind(Box::new("as told"));
            }
            self.go_on.lock().expect("not poisoned").recv_timeout(Duration::from_secs(30)).expect("in time");
            Ok(Receipt::accepted())
        }

        async fn check(&self) -> Result<(), SendError> {
            Ok(())
        }
    }

    fn stone(threads: usize) -> (Blocking, mpsc::Receiver<Option<String>>, mpsc::Sender<()>) {
        let ((called, calls), (opener, go_on)) = (mpsc::channel(), mpsc::channel());
        (Blocking::new(Arc::new(Stone { called, go_on: Mutex::new(go_on) }), "stone", threads), calls, opener)
    }

    fn envelope(body: &str) -> Envelope {
        Envelope {
            id: EnvelopeId::new(1),
            recipient: None,
            message: Arc::new(Message::text(body)),
            attempt: 1,
            correlation_id: None,
            accepted_at: SystemTime::UNIX_EPOCH,
        }
    }

    fn in_time(calls: &mpsc::Receiver<Option<String>>) -> Option<String> {
        calls.recv_timeout(Duration::from_secs(30)).expect("it is called")
    }

    #[tokio::test]
    async fn a_call_is_made_on_a_thread_that_bears_the_name_of_its_platform() {
        let (blocking, calls, opener) = stone(2);
        let message = envelope("x");
        let mut sending = Box::pin(blocking.send(&message));
        assert!((&mut sending).now_or_never().is_none(), "it does not block this one");
        assert_eq!(in_time(&calls).as_deref(), Some("nh stone"));
        opener.send(()).expect("it waits");
        assert!(sending.await.is_ok());
    }

    #[tokio::test]
    async fn what_is_given_up_before_it_has_a_thread_is_never_sent() {
        let (blocking, calls, opener) = stone(1);
        let message = envelope("x");
        let mut first = Box::pin(blocking.send(&message));
        assert!((&mut first).now_or_never().is_none());
        in_time(&calls);
        let mut second = Box::pin(blocking.send(&message));
        assert!((&mut second).now_or_never().is_none());
        drop(second);
        opener.send(()).expect("it waits");
        assert!(first.await.is_ok());
        opener.send(()).expect("it is kept");
        assert!(blocking.send(&message).await.is_ok());
        assert_eq!(calls.try_iter().count(), 1, "the last one only");
    }

    #[tokio::test]
    async fn a_panic_is_its_callers() {
        let (blocking, ..) = stone(1);
        let message = envelope("panic");
        let sending = std::panic::AssertUnwindSafe(blocking.send(&message)).catch_unwind();
        assert!(sending.await.is_err());
    }
}
