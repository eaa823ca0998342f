//! Flags that are nobody's: a picture for every country code, made up from the two letters.

// How it works
//
// The letters are mixed into a number, and the number chooses a design, three colours and the weave of the
// cloth. The weave is noise, which does not compress: so a picture has a few kilobytes and a progress bar
// something to show. The same code gives the same bytes every time.

use super::mode::mix;

const WIDTH: i32 = 96;
const HEIGHT: i32 = 64;

type Colour = [u8; 3];

const COLOURS: [Colour; 9] = [
    [206, 17, 38],
    [0, 56, 147],
    [0, 122, 61],
    [252, 209, 22],
    [255, 255, 255],
    [20, 20, 20],
    [243, 129, 32],
    [108, 172, 228],
    [115, 27, 45],
];

/// The picture for a code as a PNG file.
pub(super) fn draw(code: &str) -> Vec<u8> {
    let seed = code.bytes().fold(0, |seed, letter| mix(seed ^ u64::from(letter)));
    let design = Design::choose(seed);
    let weave = 2 + (seed >> 40) % 5;
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    let mut noise = seed;
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            noise = mix(noise);
            let thread = (noise % weave) as u8;
            let fold = fold_of_the_cloth(x, y);
            pixels.extend(design.at(x, y).map(|c| c.saturating_sub(fold).saturating_sub(thread)));
        }
    }
    encode(&pixels)
}

struct Design {
    shape: u64,
    ground: Colour,
    second: Colour,
    third: Colour,
}

impl Design {
    fn choose(seed: u64) -> Self {
        let n = COLOURS.len() as u64;
        let ground = seed % n;
        let second = (ground + 1 + (seed >> 8) % (n - 1)) % n;
        // The third differs from both; of two steps one does.
        let step = 1 + (seed >> 16) % (n - 1);
        let third = (ground + step) % n;
        let third = if third == second { (third + 1) % n } else { third };
        let third = if third == ground { (third + 1) % n } else { third };
        let colour = |index: u64| COLOURS[index as usize];
        Self {
            shape: (seed >> 24) % 7,
            ground: colour(ground),
            second: colour(second),
            third: colour(third),
        }
    }

    fn at(&self, x: i32, y: i32) -> Colour {
        let (ground, second, third) = (self.ground, self.second, self.third);
        let band =
            |position: i32, length: i32| [ground, second, third][(position * 3 / length) as usize];
        let (from_middle_x, from_middle_y) = (x - WIDTH / 2, y - HEIGHT / 2);
        match self.shape {
            0 => band(y, HEIGHT),
            1 => band(x, WIDTH),
            // A cross whose upright stands left of the middle.
            2 => match (x - WIDTH * 3 / 8).abs().min(from_middle_y.abs()) {
                0..=3 => third,
                4..=7 => second,
                _ => ground,
            },
            // A disc.
            3 if from_middle_x.pow(2) + from_middle_y.pow(2) < 19 * 19 => second,
            3 => ground,
            // A saltire: both diagonals.
            4 if (x * HEIGHT / WIDTH - y).abs() < 9
                || ((WIDTH - x) * HEIGHT / WIDTH - y).abs() < 5 =>
            {
                second
            }
            4 => ground,
            // Stripes and a canton.
            5 if x < WIDTH * 2 / 5 && y < HEIGHT / 2 => third,
            5 if y / 7 % 2 == 0 => ground,
            5 => second,
            // A triangle at the hoist over two bands.
            _ if x < HEIGHT / 2 - from_middle_y.abs() => third,
            _ if from_middle_y < 0 => ground,
            _ => second,
        }
    }
}

/// How much darker the cloth is here, hanging in folds.
fn fold_of_the_cloth(x: i32, y: i32) -> u8 {
    let place = (x + y / 3).rem_euclid(32);
    (place - 16).unsigned_abs() as u8
}

fn encode(pixels: &[u8]) -> Vec<u8> {
    const INTO_MEMORY: &str = "a picture of fixed size goes into memory";
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect(INTO_MEMORY);
    writer.write_image_data(pixels).expect(INTO_MEMORY);
    writer.finish().expect(INTO_MEMORY);
    file
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Cursor;

    use super::*;
    use crate::codes;

    #[test]
    fn every_code_has_a_valid_picture_of_its_own() {
        let mut seen = HashSet::new();
        for code in codes::ALL {
            let file = draw(code);
            let mut reader = png::Decoder::new(Cursor::new(&file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((frame.width, frame.height), (WIDTH as u32, HEIGHT as u32));
            assert!((2_000..60_000).contains(&file.len()), "{code} has {} bytes", file.len());
            assert!(seen.insert(file), "{code} looks like another");
        }
    }

    #[test]
    fn the_same_code_gives_the_same_bytes() {
        assert_eq!(draw("SE"), draw("SE"));
    }

    #[test]
    fn three_colours_are_three() {
        for seed in (0..10_000).map(mix) {
            let design = Design::choose(seed);
            assert!(design.ground != design.second, "{seed}");
            assert!(design.ground != design.third && design.second != design.third, "{seed}");
        }
    }
}
