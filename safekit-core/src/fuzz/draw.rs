//! Bytes of a fuzzer as a source of choices.

/// Gives choices out of bytes; when they are used up, zeros.
///
/// Example: [`crate::fuzz`].
#[derive(Clone, Copy, Debug)]
pub struct Draw<'b> {
    rest: &'b [u8],
}

impl<'b> Draw<'b> {
    /// Begins with the first byte.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Tells whether all bytes are used up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes a byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// Takes a number of two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Takes a number of four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// Takes a number of eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    /// Takes a choice of so many, from 0 on.
    pub fn below(&mut self, count: u8) -> u8 {
        self.byte() % count.max(1)
    }

    /// Takes a yes or a no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Takes so many bytes, or what is left.
    pub fn take(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
