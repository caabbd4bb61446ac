//! The accounts that this process knows.

use std::sync::Arc;

use hashlink::LinkedHashMap;
use scrimp_cache::Codec;
use scrimp_core::{AllowanceAccount, Key, KeyBuf, KeyHashBuilder};
use std::collections::HashMap;
use tokio::sync::Notify;

use super::account::Account;

/// Accounts that are looked at to find one that can be forgotten.
const LOOKED_AT: usize = 8;

/// The accounts, the least recently used first.
pub(super) struct Accounts {
    all: LinkedHashMap<Key, Known, KeyHashBuilder>,
    /// The same by the digest in messages of other processes.
    by_digest: HashMap<Box<str>, Key>,
    most: usize,
}

/// An account, and its place in Redis.
pub(super) struct Known {
    pub(super) account: Account,
    pub(super) place: Arc<Place>,
}

/// Names of an account in Redis, and its period.
pub(super) struct Place {
    pub(super) digest: Box<str>,
    /// The account, and the ends of its leases. They share a slot.
    pub(super) keys: [Vec<u8>; 2],
    pub(super) account: AllowanceAccount,
    /// Number that tells apart the times at which this process has opened the account.
    pub(super) opened: u64,
    /// Rung when there is news from other processes.
    pub(super) bell: Notify,
}

// === impl Accounts ===

impl Accounts {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: LinkedHashMap::with_hasher(KeyHashBuilder),
            by_digest: HashMap::new(),
            most,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns an account, and opens it if necessary. `None` if there is no room.
    pub(super) fn open(&mut self, prefix: &str, account: &AllowanceAccount) -> Option<&mut Known> {
        let key = key_of(account);
        if self.all.to_back(&key).is_none() {
            if self.all.len() >= self.most && !self.make_room() {
                return None;
            }
            let place = Arc::new(Place::new(prefix, &key, account));
            self.by_digest.insert(place.digest.clone(), key.clone());
            let known = Known {
                account: Account::new(),
                place,
            };
            self.all.insert(key.clone(), known);
        }
        self.all.get_mut(&key)
    }

    /// Returns an account that was opened.
    pub(super) fn get(&mut self, account: &AllowanceAccount) -> Option<&mut Known> {
        self.all.get_mut(&key_of(account))
    }

    /// Returns the account that a message of another process is about.
    pub(super) fn by_digest(&mut self, digest: &str) -> Option<&mut Known> {
        let key = self.by_digest.get(digest)?;
        self.all.get_mut(key)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.all.iter_mut().map(|(_, known)| known)
    }

    /// Forgets an account of which the server knows all, in constant time.
    fn make_room(&mut self) -> bool {
        for _ in 0..LOOKED_AT {
            let Some((key, known)) = self.all.pop_front() else {
                return false;
            };
            if known.account.can_be_forgotten() {
                self.by_digest.remove(&known.place.digest);
                return true;
            }
            self.all.insert(key, known);
        }
        false
    }
}

fn key_of(account: &AllowanceAccount) -> Key {
    let mut key = KeyBuf::new();
    key.part(&account.name);
    key.part(&super::milliseconds(Some(account.began)).to_le_bytes());
    key.to_key()
}

// === impl Place ===

impl Place {
    fn new(prefix: &str, key: &Key, account: &AllowanceAccount) -> Self {
        let digest: String = Codec::name(key.as_ref())[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = format!("{prefix}:lease:{{{digest}}}").into_bytes();
        Self {
            digest: digest.into(),
            keys: [name.clone(), [&name[..], b":ends"].concat()],
            account: account.clone(),
            opened: fastrand::u64(..),
            bell: Notify::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use tokio::time::Instant;

    use super::*;

    fn account(name: &str) -> AllowanceAccount {
        AllowanceAccount::new(name.as_bytes(), 100, UNIX_EPOCH, None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_times_as_many_accounts_as_fit_forget_only_those_that_owe_nothing() {
        const MOST: usize = 100;
        let mut accounts = Accounts::new(MOST);
        let debtor = accounts.open("p", &account("debtor")).expect("room");
        debtor.account.take_unbacked(7);
        debtor.account.settle(7, 7, Instant::now());
        let caller = accounts.open("p", &account("caller")).expect("room");
        caller.account.take_unbacked(7);
        for number in 0..100 * MOST {
            let invented = account(&format!("invented {number}"));
            assert!(accounts.open("p", &invented).is_some(), "{number}");
            assert!(accounts.len() <= MOST && accounts.by_digest.len() <= MOST);
        }
        for name in ["debtor", "caller"] {
            let known = accounts.get(&account(name)).expect("it owes something");
            assert!(!known.account.can_be_forgotten(), "{name}");
        }
    }

    #[test]
    fn an_account_has_other_keys_in_another_period() {
        let mut accounts = Accounts::new(9);
        let mut next = account("a");
        next.began += Duration::from_secs(60);
        let one = Arc::clone(&accounts.open("p", &account("a")).expect("room").place);
        let other = Arc::clone(&accounts.open("p", &next).expect("room").place);
        assert_ne!(one.keys, other.keys);
        assert_eq!(
            accounts
                .by_digest(&other.digest)
                .map(|known| known.place.account.clone()),
            Some(next)
        );
    }
}
