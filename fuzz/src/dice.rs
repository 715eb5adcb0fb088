//! Choices made from bytes.

/// Rolls that come from an input; nothing but zeros once it is used up.
pub struct Dice<'a> {
    rolls: &'a [u8],
}

impl<'a> Dice<'a> {
    pub fn new(rolls: &'a [u8]) -> Self {
        Self { rolls }
    }

    /// A number below `of`.
    pub fn below(&mut self, of: usize) -> usize {
        let Some((roll, rest)) = self.rolls.split_first() else {
            return 0;
        };
        self.rolls = rest;
        usize::from(*roll) % of.max(1)
    }

    /// Once in `of` times; never once the rolls are used up.
    pub fn once_in(&mut self, of: usize) -> bool {
        self.below(of) + 1 == of
    }

    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn is_empty(&self) -> bool {
        self.rolls.is_empty()
    }
}
