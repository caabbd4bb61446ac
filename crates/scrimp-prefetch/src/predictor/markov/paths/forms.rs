//! Forms of paths: what their parts have to do with those of the pages before.

use super::split::{Split, VALUES, parts};

/// Forms that share a place.
const WAYS: usize = 4;

/// Longest form, in bytes.
const BYTES: usize = 160;

/// Uses that keep a form's place.
const MOST_USES: u8 = 8;

/// Marks a value in a form, which no path has. The number of the value follows.
const VALUE: u8 = 1;

/// Pages before whose values are taken.
pub(super) const PAGES: usize = 3;

/// A path, with references to values of the pages before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    length: u8,
    text: [u8; BYTES],
}

/// Forms by their number, in a fixed amount of memory.
#[derive(Debug)]
pub(super) struct Forms {
    sets: Box<[[Known; WAYS]]>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// 0: the place is free.
    number: u32,
    /// Session that was the first to show it.
    first: u64,
    /// More than one session has shown it. What only one has shown may be its secret.
    is_common: bool,
    uses: u8,
    form: Form,
}

// === impl Form ===

impl Form {
    const EMPTY: Self = Self {
        length: 0,
        text: [0; BYTES],
    };

    /// Returns the form of a path after some pages, the latest first. `None` if none of their values is in it, or it
    /// is too long.
    pub(super) fn of(path: &str, pages: &[Split]) -> Option<Self> {
        let (mut form, mut is_derived) = (Self::EMPTY, false);
        for (sign, part) in parts(path) {
            form.push(&[sign])?;
            let value = (0..).zip(pages).find_map(|(back, page)| {
                let at = page.find(part).and_then(|at| u8::try_from(at).ok())?;
                Some(back * VALUES as u8 + at)
            });
            match value {
                Some(value) => form.push(&[VALUE, b'0' + value])?,
                None => form.push(part.as_bytes())?,
            }
            is_derived |= value.is_some();
        }
        is_derived.then_some(form)
    }

    /// Writes the path after some pages. `None` if a value is missing.
    pub(super) fn path(&self, pages: &[Split]) -> Option<String> {
        let mut path = String::new();
        let mut rest = self.bytes();
        while let Some(at) = rest.iter().position(|byte| *byte == VALUE) {
            path.push_str(std::str::from_utf8(&rest[..at]).ok()?);
            let value = usize::from(rest.get(at + 1)?.checked_sub(b'0')?);
            path.push_str(pages.get(value / VALUES)?.value(value % VALUES)?);
            rest = &rest[at + 2..];
        }
        path.push_str(std::str::from_utf8(rest).ok()?);
        Some(path)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let start = usize::from(self.length);
        let room = self.text.get_mut(start..start + bytes.len())?;
        room.copy_from_slice(bytes);
        self.length += u8::try_from(bytes.len()).ok()?;
        Some(())
    }
}

// === impl Known ===

impl Known {
    const FREE: Self = Self {
        number: 0,
        first: 0,
        is_common: false,
        uses: 0,
        form: Form::EMPTY,
    };
}

// === impl Forms ===

impl Forms {
    pub(super) fn new(forms: usize) -> Self {
        let sets = (forms / WAYS).next_power_of_two();
        Self {
            sets: vec![[Known::FREE; WAYS]; sets].into(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    /// Notes that a session has shown a form. A new one takes the place of the least used of its set.
    pub(super) fn note(&mut self, number: u32, form: &Form, session: u64) {
        let set = self.place(number);
        let ways = &mut self.sets[set];
        if let Some(known) = ways.iter_mut().find(|known| known.number == number) {
            known.uses = (known.uses + 1).min(MOST_USES);
            known.is_common |= known.first != session;
            if known.is_common {
                known.first = 0;
            }
            return;
        }
        let least = (0..WAYS).min_by_key(|&way| ways[way].uses).unwrap_or(0);
        let price = ways[least].uses;
        for known in ways.iter_mut() {
            known.uses -= price;
        }
        ways.copy_within(least + 1.., least);
        ways[WAYS - 1] = Known {
            number,
            first: session,
            is_common: false,
            uses: 0,
            form: *form,
        };
    }

    /// Forgets forms that only this session has shown.
    pub(super) fn forget(&mut self, session: u64) {
        for known in self.sets.iter_mut().flatten() {
            if known.first == session && !known.is_common {
                *known = Known::FREE;
            }
        }
    }

    /// Returns a form that more than one session has shown.
    pub(super) fn get(&self, number: u32) -> Option<&Form> {
        let mut ways = self.sets[self.place(number)].iter();
        let known = ways.find(|known| known.number == number)?;
        known.is_common.then_some(&known.form)
    }

    fn place(&self, number: u32) -> usize {
        number.rotate_right(15) as usize & (self.sets.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_times_as_many_forms_take_no_more_memory_and_leave_the_used_ones() {
        let mut forms = Forms::new(64);
        let (bytes, form) = (forms.bytes(), Form::EMPTY);
        for number in 1..=6_400_u32 {
            forms.note(number.wrapping_mul(0x9e37_79b1), &form, 1);
            forms.note(u32::MAX, &form, u64::from(number));
        }
        assert_eq!(forms.bytes(), bytes);
        assert!(forms.get(u32::MAX).is_some());
        let left = (1..=6_400_u32).filter(|number| {
            let number = number.wrapping_mul(0x9e37_79b1);
            let mut all = forms.sets.iter().flatten();
            all.any(|known| known.number == number)
        });
        assert!(left.count() < 64);
    }
}
