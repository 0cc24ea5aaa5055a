//! Any answer at all: no status, header or body may make an adapter panic or take a refusal for an acceptance.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Http;
use crate::{
    contract::{HttpRequest, HttpResponse, Transport, TransportError},
    testkit::Answer,
};

const ROUNDS: u64 = 2_000;

pub(super) async fn any_answer_has_a_verdict(http: &Http) {
    let canned = Arc::new(Canned {
        prelude: http.prelude_answers().iter().map(response).collect(),
        carried: AtomicUsize::new(0),
        answer: Mutex::new(response(&http.accepted)),
    });
    let platform = http.platform_over("http://127.0.0.1:9", canned.clone());
    let envelope = http.envelope();
    for seed in 1..=ROUNDS {
        let answer = arbitrary(&mut Dice(seed), &http.accepted.body);
        let status = answer.status;
        let shown = format!("{answer:?}");
        *canned.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        let outcome = http.watched(platform.send(&envelope).await);
        assert!(status.is_success() || outcome.is_err(), "any_answer_has_a_verdict: {shown} counts as delivered");
    }
}

/// A transport that needs no network: the prelude first, then always the same answer.
struct Canned {
    prelude: Vec<HttpResponse>,
    carried: AtomicUsize,
    answer: Mutex<HttpResponse>,
}

#[async_trait]
impl Transport for Canned {
    async fn exchange(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        let turn = self.carried.fetch_add(1, Ordering::Relaxed);
        let answer = self.prelude.get(turn).cloned();
        Ok(answer.unwrap_or_else(|| self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }
}

fn response(answer: &Answer) -> HttpResponse {
    let name = |text: &str| header::HeaderName::try_from(text).expect("a scripted header's name");
    let value = |text: &str| HeaderValue::from_str(text).expect("a scripted header's value");
    HttpResponse {
        status: StatusCode::from_u16(answer.status).expect("a scripted status"),
        headers: answer.headers.iter().map(|(key, text)| (name(key), value(text))).collect(),
        body: answer.body.clone(),
        truncated: false,
    }
}

fn arbitrary(dice: &mut Dice, accepted: &Bytes) -> HttpResponse {
    let status = match dice.below(3) {
        0 => 200 + dice.below(5),
        1 => 300 + dice.below(300),
        _ => 100 + dice.below(900),
    };
    let mut headers = HeaderMap::new();
    const WAITS: [&[u8]; 8] =
        [b"7", b"-1", b"1e400", b"\xff", b"18446744073709551616", b"NaN", b"", b"Thu, 01 Jan 1970 00:00:00 GMT"];
    if dice.below(2) == 0 {
        let wait = WAITS[dice.below(WAITS.len())];
        headers.insert(header::RETRY_AFTER, HeaderValue::from_bytes(wait).expect("no control characters"));
    }
    HttpResponse {
        status: StatusCode::from_u16(u16::try_from(status).expect("below 1000")).expect("three digits"),
        headers,
        body: mangled(dice, accepted),
        truncated: dice.below(4) == 0,
    }
}

/// The acceptance with some bytes overwritten, cut off or doubled; or a JSON value of a wrong shape.
fn mangled(dice: &mut Dice, accepted: &Bytes) -> Bytes {
    const SHAPES: [&str; 10] =
        ["null", "[]", "{}", "0", "-1e999", "\"\"", "[[[[", "{\"ok\":1}", "{\"ok\":false,\"error\":null}", "true"];
    let mut body = accepted.to_vec();
    match dice.below(5) {
        0 => return Bytes::from_static(SHAPES[dice.below(SHAPES.len())].as_bytes()),
        1 => body.truncate(dice.below(body.len() + 1)),
        2 => body.extend_from_within(..),
        3 => body = (0..dice.below(600)).map(|_| dice.byte()).collect(),
        _ => {}
    }
    for _ in 0..dice.below(4) {
        if !body.is_empty() {
            let at = dice.below(body.len());
            body[at] = dice.byte();
        }
    }
    body.into()
}

/// Xorshift: the same answers in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ self.0 >> 7;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}
