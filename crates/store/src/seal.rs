//! Sealing: a master key wraps a data key per tenant, which seals each value for one place only.
//!
//! A sealed value is `version(1) · algorithm(1) · key version(4, big endian) · nonce(12) · ciphertext · tag(16)`.
//! Its additional data are the owner, table, column and row, so that a ciphertext moved anywhere else does not open.
//! AES-256-GCM with random nonces: rotate a tenant's key before 2^32 values (NIST SP 800-38D, 8.3).

use crate::error::StoreError;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const AES_256_GCM: u8 = 1;
const HEADER: usize = 6;
const NONCE: usize = 12;

/// A sealed value, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Where a sealed value lives: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// `table.column`.
    pub column: &'static str,
    /// The row's key within the tenant.
    pub row: &'a [u8],
}

/// The platform's own key owner.
pub const PLATFORM: Uuid = Uuid::nil();

/// Holds the master keys: wraps and unwraps data keys. From the environment today, a cloud KMS later.
pub trait KeyProvider: Send + Sync {
    /// Wraps a data key under the current master key; the result names that key.
    ///
    /// # Errors
    /// [`StoreError::MasterKey`].
    fn wrap(&self, owner: Uuid, data_key: &[u8; 32]) -> Result<Vec<u8>, StoreError>;

    /// Unwraps a data key by the master key it names.
    ///
    /// # Errors
    /// [`StoreError::MasterKey`] where that key is not at hand or the bytes were changed.
    fn unwrap(&self, owner: Uuid, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StoreError>;

    /// Whether it was wrapped under the current master key.
    fn is_current(&self, wrapped: &[u8]) -> bool;
}

/// Master keys from the environment: `DRIVELINE_MASTER_KEY="new,old"`, each 32 bytes in base64, the first is current.
pub struct EnvKeys {
    keys: Vec<([u8; 4], Aes256Gcm)>,
}

impl EnvKeys {
    /// Reads the list of master keys.
    ///
    /// # Errors
    /// [`StoreError::MasterKey`] with what is wrong, never with the key.
    pub fn parse(list: &SecretString) -> Result<Self, StoreError> {
        let mut keys = Vec::new();
        for text in list.expose_secret().split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let bytes = Zeroizing::new(
                STANDARD.decode(text).map_err(|_| StoreError::MasterKey("it is not base64".to_owned()))?,
            );
            let cipher = Aes256Gcm::new_from_slice(&bytes)
                .map_err(|_| StoreError::MasterKey(format!("it has {} bytes, not 32", bytes.len())))?;
            // Four bytes of a hash name a key without telling it.
            let mut id = [0; 4];
            id.copy_from_slice(blake3::derive_key("driveline 2026 master key id", &bytes).get(..4).unwrap_or(&[0; 4]));
            keys.push((id, cipher));
        }
        if keys.is_empty() {
            return Err(StoreError::MasterKey("DRIVELINE_MASTER_KEY is empty".to_owned()));
        }
        Ok(Self { keys })
    }
}

impl KeyProvider for EnvKeys {
    fn wrap(&self, owner: Uuid, data_key: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        let Some((id, cipher)) = self.keys.first() else {
            return Err(StoreError::MasterKey("there is none".to_owned()));
        };
        let nonce = random_nonce();
        let body = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: data_key, aad: owner.as_bytes() })
            .map_err(|_| StoreError::MasterKey("wrapping failed".to_owned()))?;
        Ok([id.as_slice(), &nonce, &body].concat())
    }

    fn unwrap(&self, owner: Uuid, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        let broken = || StoreError::MasterKey("a wrapped data key is damaged".to_owned());
        let (id, rest) = wrapped.split_at_checked(4).ok_or_else(broken)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        let (_, cipher) = self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| {
            StoreError::MasterKey(format!(
                "a data key is wrapped under master key {}, which is not in DRIVELINE_MASTER_KEY",
                hex::encode(id)
            ))
        })?;
        let plain = Zeroizing::new(
            cipher.decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: owner.as_bytes() }).map_err(|_| broken())?,
        );
        Ok(Zeroizing::new(plain.as_slice().try_into().map_err(|_| broken())?))
    }

    fn is_current(&self, wrapped: &[u8]) -> bool {
        self.keys.first().is_some_and(|(id, _)| wrapped.starts_with(id))
    }
}

fn random_nonce() -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    rand::rng().fill_bytes(&mut nonce);
    nonce
}

/// A new random data key.
#[must_use]
pub fn new_data_key() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(key.as_mut());
    key
}

/// A version of an owner's sealing key, unwrapped.
pub struct SealKey {
    /// Which one.
    pub version: u32,
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
    /// It opens at once, and seals after this wait: by then every process knows it.
    pub seals_in: Duration,
}

/// One owner's keys, unwrapped.
pub struct TenantKeys {
    owner: Uuid,
    /// By version: the cipher, and since when it seals.
    seals: BTreeMap<u32, (Aes256Gcm, Instant)>,
    index: Hmac<Sha256>,
    loaded_at: Instant,
}

impl TenantKeys {
    /// Puts an owner's keys together: all versions of the sealing key, and the index key. `asked_at` is when the
    /// database was asked for them: what it was told later is not among them.
    ///
    /// # Errors
    /// [`StoreError::MasterKey`] where there is no sealing key.
    pub fn new(owner: Uuid, seals: &[SealKey], index: &[u8; 32], asked_at: Instant) -> Result<Self, StoreError> {
        if seals.is_empty() {
            return Err(StoreError::MasterKey("a tenant has no data key".to_owned()));
        }
        let now = Instant::now();
        let seals = seals
            .iter()
            .map(|seal| (seal.version, (Aes256Gcm::new(&(*seal.key).into()), now + seal.seals_in)))
            .collect();
        let index = <Hmac<Sha256> as KeyInit>::new(&(*index).into_block_key());
        Ok(Self { owner, seals, index, loaded_at: asked_at })
    }

    /// How long ago the database was asked for them.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.loaded_at.elapsed()
    }

    /// The version that seals now: the newest whose time has come.
    fn sealing(&self) -> Option<(u32, &Aes256Gcm)> {
        let now = Instant::now();
        let come = self.seals.iter().rev().find(|(_, (_, seals_from))| *seals_from <= now);
        come.or_else(|| self.seals.first_key_value()).map(|(version, (cipher, _))| (*version, cipher))
    }

    /// Whose keys they are.
    #[must_use]
    pub const fn owner(&self) -> Uuid {
        self.owner
    }

    /// Seals bytes for one place.
    ///
    /// # Errors
    /// [`StoreError::Seal`] where the value is too large for the cipher.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Sealed, StoreError> {
        let failed = |why| StoreError::Seal { place: place.column, why };
        let (version, cipher) = self.sealing().ok_or_else(|| failed("there is no key"))?;
        let nonce = random_nonce();
        let aad = self.aad(place, version);
        let body = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| failed("it is too large"))?;
        let mut out = Vec::with_capacity(HEADER + NONCE + body.len());
        out.extend([FORMAT, AES_256_GCM]);
        out.extend(version.to_be_bytes());
        out.extend(nonce);
        out.extend(body);
        Ok(Sealed(out))
    }

    /// Opens a value sealed for this place.
    ///
    /// # Errors
    /// [`StoreError::Seal`].
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |why| StoreError::Seal { place: place.column, why };
        let [FORMAT, AES_256_GCM, rest @ ..] = sealed else { return Err(failed("it has an unknown format")) };
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(|| failed("it is cut"))?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or_else(|| failed("it is cut"))?;
        let version = u32::from_be_bytes(*version);
        let (cipher, _) = self.seals.get(&version).ok_or_else(|| failed("its key version is unknown"))?;
        let aad = self.aad(place, version);
        cipher
            .decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: &aad })
            .map_err(|_| failed("it was changed or belongs elsewhere"))
    }

    /// Whether a sealed value was sealed under the version that seals now.
    #[must_use]
    pub fn is_newest(&self, sealed: &[u8]) -> bool {
        self.sealing().is_some_and(|(version, _)| sealed.get(2..HEADER) == Some(version.to_be_bytes().as_slice()))
    }

    /// Seals a document as JSON.
    ///
    /// # Errors
    /// As [`Self::seal`], or where the document cannot be written as JSON.
    pub fn seal_json<T: Serialize>(&self, place: Place<'_>, document: &T) -> Result<Sealed, StoreError> {
        let json = Zeroizing::new(
            serde_json::to_vec(document).map_err(|source| StoreError::Document { place: place.column, source })?,
        );
        self.seal(place, &json)
    }

    /// Opens a document.
    ///
    /// # Errors
    /// As [`Self::open`], or where the document is not what is expected.
    pub fn open_json<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Result<T, StoreError> {
        let json = Zeroizing::new(self.open(place, sealed)?);
        serde_json::from_slice(&json).map_err(|source| StoreError::Document { place: place.column, source })
    }

    /// A keyed hash of a value for one purpose: equal values meet, and nobody without the key can guess them.
    #[must_use]
    pub fn index(&self, purpose: &str, value: &str) -> [u8; 32] {
        let mut mac = self.index.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The first 64 bits of [`Self::index`], for `lookup_key`: what meets there is compared by value afterwards.
    #[must_use]
    pub fn index64(&self, purpose: &str, value: &str) -> i64 {
        let hash = self.index(purpose, value);
        i64::from_be_bytes(hash.first_chunk::<8>().copied().unwrap_or_default())
    }

    fn aad(&self, place: Place<'_>, version: u32) -> Vec<u8> {
        let mut aad = Vec::with_capacity(16 + place.column.len() + 1 + place.row.len() + 4);
        aad.extend(self.owner.as_bytes());
        aad.extend(place.column.as_bytes());
        aad.push(0);
        aad.extend(place.row);
        aad.extend(version.to_be_bytes());
        aad
    }
}

/// The 32 bytes of an index key as HMAC's block.
trait BlockKey {
    fn into_block_key(self) -> hmac::digest::Key<Hmac<Sha256>>;
}

impl BlockKey for [u8; 32] {
    fn into_block_key(self) -> hmac::digest::Key<Hmac<Sha256>> {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (to, from) in block.iter_mut().zip(self) {
            *to = from;
        }
        block
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn seal_key(version: u32, key: &Zeroizing<[u8; 32]>, seals_in: Duration) -> SealKey {
        SealKey { version, key: key.clone(), seals_in }
    }

    fn owned(owner: Uuid, seals: &[SealKey]) -> TenantKeys {
        TenantKeys::new(owner, seals, &[7; 32], Instant::now()).unwrap()
    }

    fn place(column: &'static str, row: &'static [u8]) -> Place<'static> {
        Place { column, row }
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_and_nowhere_else() {
        let seals = [seal_key(1, &new_data_key(), Duration::ZERO)];
        let (mine, same_key_other_owner) = (owned(Uuid::from_u128(1), &seals), owned(Uuid::from_u128(2), &seals));
        let sealed = mine.seal(place("credential.sealed", b"a"), b"secret").unwrap();

        assert_eq!(mine.open(place("credential.sealed", b"a"), &sealed.0).unwrap(), b"secret");
        assert!(mine.open(place("credential.sealed", b"b"), &sealed.0).is_err());
        assert!(mine.open(place("golden.doc", b"a"), &sealed.0).is_err());
        assert!(same_key_other_owner.open(place("credential.sealed", b"a"), &sealed.0).is_err());
    }

    #[test]
    fn no_changed_bit_goes_unnoticed() {
        let keys = owned(Uuid::from_u128(1), &[seal_key(1, &new_data_key(), Duration::ZERO)]);
        let sealed = keys.seal(place("golden.doc", b"a"), b"secret").unwrap();
        for byte in 0..sealed.0.len() {
            for bit in 0..8 {
                let mut changed = sealed.0.clone();
                changed[byte] ^= 1 << bit;
                assert!(keys.open(place("golden.doc", b"a"), &changed).is_err(), "byte {byte} bit {bit}");
            }
        }
        for length in 0..sealed.0.len() {
            assert!(keys.open(place("golden.doc", b"a"), &sealed.0[..length]).is_err());
        }
    }

    #[test]
    fn a_rotated_tenant_key_opens_what_the_old_one_sealed() {
        let (old, new) = (new_data_key(), new_data_key());
        let before = owned(PLATFORM, &[seal_key(1, &old, Duration::ZERO)]);
        let sealed = before.seal(place("golden.doc", b"a"), b"secret").unwrap();
        let after = owned(PLATFORM, &[seal_key(1, &old, Duration::ZERO), seal_key(2, &new, Duration::ZERO)]);
        assert_eq!(after.open(place("golden.doc", b"a"), &sealed.0).unwrap(), b"secret");
        assert!(!after.is_newest(&sealed.0));
        assert!(after.is_newest(&after.seal(place("golden.doc", b"a"), b"x").unwrap().0));
    }

    #[test]
    fn a_version_whose_time_has_not_come_opens_and_does_not_seal() {
        let (old, new) = (new_data_key(), new_data_key());
        let hour = Duration::from_secs(3_600);
        let behind = owned(PLATFORM, &[seal_key(1, &old, Duration::ZERO)]);
        let informed = owned(PLATFORM, &[seal_key(1, &old, Duration::ZERO), seal_key(2, &new, hour)]);
        let ahead = owned(PLATFORM, &[seal_key(1, &old, Duration::ZERO), seal_key(2, &new, Duration::ZERO)]);

        let (by_informed, by_ahead) =
            [&informed, &ahead].map(|keys| keys.seal(place("golden.doc", b"a"), b"secret").unwrap()).into();

        assert_eq!(behind.open(place("golden.doc", b"a"), &by_informed.0).unwrap(), b"secret");
        assert_eq!(informed.open(place("golden.doc", b"a"), &by_ahead.0).unwrap(), b"secret");
        assert!(behind.open(place("golden.doc", b"a"), &by_ahead.0).is_err(), "which is why the new version waits");
    }

    #[test]
    fn a_rotated_master_key_unwraps_what_the_old_one_wrapped_and_wraps_anew() {
        let (old, new) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let before = EnvKeys::parse(&old.clone().into()).unwrap();
        let both = EnvKeys::parse(&format!("{new},{old}").into()).unwrap();
        let after = EnvKeys::parse(&new.into()).unwrap();
        let (owner, data_key) = (Uuid::from_u128(9), new_data_key());

        let wrapped = before.wrap(owner, &data_key).unwrap();
        assert!(!both.is_current(&wrapped));
        let unwrapped = both.unwrap(owner, &wrapped).unwrap();
        let again = both.wrap(owner, &unwrapped).unwrap();

        assert_eq!(*after.unwrap(owner, &again).unwrap(), *data_key);
        assert!(after.unwrap(owner, &wrapped).is_err());
        assert!(after.unwrap(Uuid::from_u128(8), &again).is_err(), "bound to its owner");
    }
}
