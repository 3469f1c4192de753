//! Bytes that come in pieces, as one.

use bytes::{Bytes, BytesMut};

/// Those that have come. What came in one piece is never copied. Of more pieces one is made at once: tiny ones would hold
/// more memory in their handles than in their bytes.
#[derive(Debug, Default)]
pub(in crate::rpc) struct Pieces {
    first: Bytes,
    all: BytesMut,
}

impl Pieces {
    /// How many bytes there are.
    pub(in crate::rpc) fn len(&self) -> usize {
        // One of them is always empty.
        self.first.len() + self.all.len()
    }

    /// Adds what comes next.
    pub(in crate::rpc) fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
        } else {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
            self.all.extend_from_slice(&piece);
        }
    }

    /// All of them.
    pub(in crate::rpc) fn finish(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_pieces_is_one() {
        for pieces in [&[][..], &["one"], &["", "one", "", "two"], &["a", "b", "c"]] {
            let mut all = Pieces::default();
            pieces.iter().for_each(|piece| all.push(Bytes::from_static(piece.as_bytes())));
            let whole = pieces.concat();
            assert_eq!((all.len(), all.finish()), (whole.len(), Bytes::from(whole)), "{pieces:?}");
        }
    }

    #[test]
    fn a_single_piece_is_not_copied() {
        let piece = Bytes::from(vec![1, 2, 3]);
        let mut all = Pieces::default();
        all.push(piece.clone());
        assert_eq!(all.finish().as_ptr(), piece.as_ptr());
    }
}
