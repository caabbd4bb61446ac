//! Numbers and texts of the head: in a fixed order, numbers of fixed length and little-endian, texts
//! behind their length in four bytes. So what most hits of a store over a network read is read without a search.

use super::DecodeError;

/// Writes a head.
pub(super) struct Writer(Vec<u8>);

/// Reads a head.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

const CUT_OFF: DecodeError = DecodeError::Damaged("head");

// === impl Writer ===

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds bytes that are there in any case.
    pub(super) fn put(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.extend_from_slice(bytes.as_ref());
    }

    /// Adds bytes behind their length.
    ///
    /// # Errors
    ///
    /// If these are 4 GiB or more.
    pub(super) fn put_text(&mut self, text: &[u8]) -> Result<(), DecodeError> {
        self.put_count(text.len())?;
        self.put(text);
        Ok(())
    }

    /// Adds a number of elements.
    ///
    /// # Errors
    ///
    /// If it is 2³² or more.
    pub(super) fn put_count(&mut self, count: usize) -> Result<(), DecodeError> {
        let count = u32::try_from(count).map_err(|_| CUT_OFF)?;
        self.put(count.to_le_bytes());
        Ok(())
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reports whether all was read.
    pub(super) fn is_at_end(self) -> bool {
        self.0.is_empty()
    }

    /// Reads a number, or other bytes that are there in any case.
    #[inline]
    pub(super) fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(chunk)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        self.chunk().map(|&[byte]| byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.chunk().map(|chunk| u16::from_le_bytes(*chunk))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.chunk().map(|chunk| u32::from_le_bytes(*chunk))
    }

    #[inline]
    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.chunk().map(|chunk| u64::from_le_bytes(*chunk))
    }

    #[inline]
    pub(super) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.chunk().map(|chunk| i64::from_le_bytes(*chunk))
    }

    /// Reads bytes behind their length.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(text)
    }

    /// Reads elements of one length behind their number.
    #[inline]
    pub(super) fn chunks<const N: usize>(&mut self) -> Result<&'a [[u8; N]], DecodeError> {
        let length = (self.u32()? as usize).checked_mul(N).ok_or(CUT_OFF)?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(CUT_OFF)?;
        self.0 = rest;
        Ok(text.as_chunks().0)
    }

    /// Reads a text in UTF-8.
    #[inline]
    pub(super) fn str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.text()?).map_err(|_| CUT_OFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_in_the_same_order() {
        let mut writer = Writer::with_capacity(0);
        writer.put([7]);
        writer.put(8_u16.to_le_bytes());
        writer.put((-9_i64).to_le_bytes());
        writer.put_text("täxt".as_bytes()).expect("short");
        writer.put_count(2).expect("few");
        writer.put([1, 2, 3, 4]);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        assert_eq!((reader.byte(), reader.u16()), (Ok(7), Ok(8)));
        assert_eq!((reader.i64(), reader.str()), (Ok(-9), Ok("täxt")));
        assert!(!reader.is_at_end());
        assert_eq!(reader.chunks(), Ok(&[[1, 2], [3, 4]][..]));
        assert!(reader.is_at_end());
    }

    #[test]
    fn what_is_cut_off_or_no_text_is_damaged() {
        let read = |bytes: &'static [u8]| Reader::new(bytes);
        assert_eq!(read(b"\x01\0\0").u32(), Err(CUT_OFF));
        assert_eq!(read(b"\x02\0\0\0a").text(), Err(CUT_OFF));
        assert_eq!(read(b"\x01\0\0\0\xff").str(), Err(CUT_OFF));
        assert_eq!(read(b"\xff\xff\xff\xffab").chunks::<16>(), Err(CUT_OFF));
    }
}
