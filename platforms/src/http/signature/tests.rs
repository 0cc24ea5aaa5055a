//! Signatures against known vectors, and against every flipped bit.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::contract::Secret;

const SYMMETRIC: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const ASYMMETRIC: &str = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

fn key(written: &str) -> SigningKey {
    SigningKey::parse(&Secret::new(written)).expect("a key")
}

fn at(unix_seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
}

fn headers(id: &str, timestamp: u64, signature: HeaderValue) -> HeaderMap {
    let id = HeaderValue::from_str(id).expect("an id");
    HeaderMap::from_iter([(WEBHOOK_ID, id), (WEBHOOK_TIMESTAMP, timestamp.into()), (WEBHOOK_SIGNATURE, signature)])
}

#[test]
fn known_vectors_come_out_byte_by_byte() {
    for (secret, id, timestamp, body, expected) in [
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
        (
            SYMMETRIC,
            "msg_1",
            1_700_000_000,
            r#"{"type":"notification.sent","data":{"id":1}}"#,
            "v1,RTceaaIfZftAa2rj2IQ0mQ2CP/CDtFZSl5bwdRbMp6Y=",
        ),
    ] {
        assert_eq!(sign(&[key(secret)], id, timestamp, body.as_bytes()), expected);
    }
}

/// GitHub's documented vector ("Validating webhook deliveries").
#[test]
fn the_hub_signature_is_the_documented_one() {
    let key = HubKey::new(&Secret::new("It's a Secret to Everybody"));
    let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(key.sign(b"Hello, World!"), expected);
}

#[test]
fn during_a_rotation_either_key_is_believed() {
    let keys = [key(SYMMETRIC), key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), key(ASYMMETRIC)];
    let signed = headers("m", 1000, sign(&keys, "m", 1000, b"body"));
    let entries = signed[WEBHOOK_SIGNATURE].to_str().expect("ASCII");
    assert_eq!(
        entries.split(' ').map(|entry| entry.split(',').next()).collect::<Vec<_>>(),
        [Some("v1"), Some("v1"), Some("v1a")]
    );
    for key in &keys {
        assert_eq!(verify(&[key.verifying_key()], &signed, b"body", at(1000)), Ok(()), "{key:?}");
    }
    let other = VerifyingKey::parse(&Secret::new("whsec_////////////////////////////////")).expect("a key");
    assert_eq!(verify(&[other], &signed, b"body", at(1000)), Err(SignatureError::Mismatch));
}

#[test]
fn a_webhook_is_believed_for_five_minutes_on_either_side() {
    let key = key(SYMMETRIC);
    let signed = headers("m", 10_000, sign(std::slice::from_ref(&key), "m", 10_000, b""));
    for (now, expected) in
        [(9_700, Ok(())), (10_300, Ok(())), (9_699, Err(SignatureError::Stale)), (10_301, Err(SignatureError::Stale))]
    {
        assert_eq!(verify(&[key.verifying_key()], &signed, b"", at(now)), expected, "{now}");
    }
}

#[test]
fn a_webhook_without_its_headers_is_not_believed() {
    let key = key(SYMMETRIC);
    for missing in [WEBHOOK_ID, WEBHOOK_TIMESTAMP, WEBHOOK_SIGNATURE] {
        let mut signed = headers("m", 1000, sign(std::slice::from_ref(&key), "m", 1000, b""));
        signed.remove(&missing);
        assert_eq!(verify(&[key.verifying_key()], &signed, b"", at(1000)), Err(SignatureError::Header(missing)));
    }
}

#[test]
fn a_key_of_another_form_is_refused_without_being_shown() {
    let short = format!("whsec_{}", BASE64.encode([7; 23]));
    let long = format!("whsec_{}", BASE64.encode([7; 65]));
    let odd = format!("whsk_{}", BASE64.encode([7; 33]));
    let wrong_public = format!("whsk_{}", BASE64.encode([7; 64]));
    for written in ["s3cret", "whsec_!!", "whpk_AAAA", &short, &long, &odd, &wrong_public] {
        let error = SigningKey::parse(&Secret::new(written)).expect_err("no key").to_string();
        assert!(error.contains("whsec_") && !error.contains(written), "{error}");
    }
    assert!(VerifyingKey::parse(&Secret::new(ASYMMETRIC)).is_err(), "a private key does not verify");
    assert_eq!(format!("{:?}", key(SYMMETRIC)), "SigningKey(whsec_…)");
}

#[test]
fn a_private_key_is_a_seed_or_a_seed_with_its_public_key() {
    let seed: Vec<u8> = (1..=32).collect();
    let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).expect("a seed");
    let public = ring::signature::KeyPair::public_key(&pair).as_ref().to_vec();
    let both = key(&format!("whsk_{}", BASE64.encode([&seed[..], &public].concat())));
    assert_eq!(sign(&[both], "m", 1, b"x"), sign(&[key(ASYMMETRIC)], "m", 1, b"x"));
    let receiver = VerifyingKey::parse(&Secret::new(format!("whpk_{}", BASE64.encode(public)))).expect("a key");
    let signed = headers("m", 1, sign(&[key(ASYMMETRIC)], "m", 1, b"x"));
    assert_eq!(verify(&[receiver], &signed, b"x", at(1)), Ok(()));
}

proptest! {
    #[test]
    fn one_flipped_bit_anywhere_is_noticed(body in prop::collection::vec(any::<u8>(), 1..64), at_bit in any::<prop::sample::Index>(), asymmetric: bool) {
        let key = key(if asymmetric { ASYMMETRIC } else { SYMMETRIC });
        let verifying = [key.verifying_key()];
        let signed = headers("id", 1000, sign(&[key], "id", 1000, &body));
        prop_assert_eq!(verify(&verifying, &signed, &body, at(1000)), Ok(()));
        let mut flipped = body.clone();
        let bit = at_bit.index(body.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verify(&verifying, &signed, &flipped, at(1000)), Err(SignatureError::Mismatch));
        let mut other_time = signed.clone();
        other_time.insert(WEBHOOK_TIMESTAMP, 1001u64.into());
        prop_assert_eq!(verify(&verifying, &other_time, &body, at(1000)), Err(SignatureError::Mismatch));
        let mut other_id = signed.clone();
        other_id.insert(WEBHOOK_ID, HeaderValue::from_static("ie"));
        prop_assert_eq!(verify(&verifying, &other_id, &body, at(1000)), Err(SignatureError::Mismatch));
    }
}
