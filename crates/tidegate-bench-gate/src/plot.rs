//! Requests over time, as a picture.

use std::fmt::Write;

use crate::wire::Answers;

/// One client's line.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a str,
    pub(crate) ours: bool,
    pub(crate) answers: &'a Answers,
}

impl Line<'_> {
    /// When the last request was answered.
    fn end(&self) -> f64 {
        self.answers.accepted.last().copied().unwrap_or(0.0)
    }
}

/// Told apart also by who does not see all colours.
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 600.0;
const HEIGHT: f64 = 230.0;
/// The tops of the two panels.
const TOPS: [f64; 2] = [56.0, 356.0];
/// Points of a line, at most.
const POINTS: usize = 240;

/// What was answered above, what was refused below; `ideal` is the shortest time for `requests`.
pub(crate) fn svg(title: &str, lines: &[Line<'_>], requests: u32, ideal: f64) -> String {
    let ends = lines.iter().map(Line::end);
    let until = nice(ends.fold(ideal, f64::max));
    let refused = lines.iter().map(|it| it.answers.refused.len()).max().unwrap_or(0);
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} 640\" width=\"{WIDTH}\" height=\"640\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escape(title)
    );
    let panels = [
        Panel { top: TOPS[0], what: "answered", until, most: f64::from(requests) },
        Panel { top: TOPS[1], what: "refused", until, most: nice((refused as f64).max(10.0)) },
    ];
    for panel in &panels {
        panel.frame(&mut out);
    }
    for (place, line) in lines.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let end = line.end();
        panels[0].line(&mut out, &line.answers.accepted, end, colour, line.ours);
        panels[1].line(&mut out, &line.answers.refused, end, colour, line.ours);
        legend(&mut out, place, line, colour);
    }
    let (x, y) = (panels[0].x(ideal), panels[0].y(f64::from(requests)));
    let _ = writeln!(
        out,
        "<line x1=\"{LEFT}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{y:.1}\" stroke=\"#444\" stroke-dasharray=\"3 4\"/>",
        panels[0].y(0.0)
    );
    let y = legend_y(lines.len());
    let _ = writeln!(
        out,
        "<line x1=\"620\" y1=\"{y}\" x2=\"644\" y2=\"{y}\" stroke=\"#444\" stroke-dasharray=\"3 4\"/>\n\
         <text x=\"652\" y=\"{}\" fill=\"#444\">ideal: {ideal:.1} s</text>\n</svg>",
        y + 4.0
    );
    out
}

fn legend_y(place: usize) -> f64 {
    TOPS[0] + 12.0 + 44.0 * place as f64
}

fn legend(out: &mut String, place: usize, line: &Line<'_>, colour: &str) {
    let y = legend_y(place);
    let end = line.end();
    let _ = writeln!(
        out,
        "<line x1=\"620\" y1=\"{y}\" x2=\"644\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"{}\"/>\n\
         <text x=\"652\" y=\"{}\"{}>{}</text>\n\
         <text x=\"652\" y=\"{}\" fill=\"#444\" font-size=\"12\">{} in {end:.1} s, {} refused</text>",
        if line.ours { 3 } else { 2 },
        y + 4.0,
        if line.ours { " font-weight=\"bold\"" } else { "" },
        escape(line.name),
        y + 20.0,
        line.answers.accepted.len(),
        line.answers.refused.len(),
    );
}

struct Panel {
    top: f64,
    what: &'static str,
    /// What the axes go to.
    until: f64,
    most: f64,
}

impl Panel {
    fn x(&self, at: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (at / self.until).min(1.0)
    }

    fn y(&self, n: f64) -> f64 {
        self.top + HEIGHT * (1.0 - n / self.most)
    }

    fn frame(&self, out: &mut String) {
        let bottom = self.top + HEIGHT;
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\" fill=\"#444\">requests {}</text>",
            self.top - 8.0,
            self.what
        );
        for part in 0..=4 {
            let n = self.most * f64::from(part) / 4.0;
            let y = self.y(n);
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{n:.0}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        for part in 0..=5 {
            let at = self.until * f64::from(part) / 5.0;
            let unit = if part == 5 { " s" } else { "" };
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">{at:.0}{unit}</text>",
                self.x(at),
                bottom + 18.0
            );
        }
    }

    /// How many there were at each instant until `end`.
    fn line(&self, out: &mut String, times: &[f64], end: f64, colour: &str, ours: bool) {
        let _ = write!(out, "<polyline points=\"{LEFT},{:.1}", self.y(0.0));
        let step = times.len().div_ceil(POINTS).max(1);
        let last = times.len().checked_sub(1);
        for place in (0..times.len()).step_by(step).chain(last) {
            let n = (place + 1) as f64;
            let _ = write!(out, " {:.1},{:.1}", self.x(times[place]), self.y(n));
        }
        let (x, y) = (self.x(end), self.y(times.len() as f64));
        let _ = writeln!(
            out,
            " {x:.1},{y:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\" stroke-linejoin=\"round\"/>",
            if ours { 3 } else { 2 }
        );
    }
}

/// A round number that is not less.
fn nice(most: f64) -> f64 {
    let unit = 10_f64.powf(most.log10().floor());
    let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.map(|it| it * unit).into_iter().find(|it| *it >= most).unwrap_or(10.0 * unit)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
