//! Numbers in few bytes.

/// Seven bits a byte, the lowest first; all but the last byte have the eighth set.
pub fn write_number(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

pub fn read_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

pub fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = read_byte(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub fn read_row(bytes: &mut &[u8]) -> Option<i64> {
    i64::try_from(read_number(bytes)?).ok()
}

/// Numbers that ascend from a known one: how many there are, and how far each lies behind the one before it.
pub fn write_ascending(out: &mut Vec<u8>, from: u64, numbers: impl ExactSizeIterator<Item = u64>) {
    write_number(out, numbers.len() as u64);
    numbers.fold(from, |last, number| {
        write_number(out, number.saturating_sub(last));
        number
    });
}

pub fn read_ascending(bytes: &mut &[u8], from: u64) -> Option<Vec<u64>> {
    // Each takes a byte at least.
    let count = usize::try_from(read_number(bytes)?).ok().filter(|count| *count <= bytes.len())?;
    let mut last = from;
    (0..count)
        .map(|_| {
            last = last.checked_add(read_number(bytes)?)?;
            Some(last)
        })
        .collect()
}
