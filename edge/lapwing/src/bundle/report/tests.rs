//! Words and axes.

use super::plot::{Mark, Plot, Series};
use super::words::{clock, date, metres, span, speed};
use lapwing_model::{Span, Time};

#[test]
fn times_and_lengths_are_read_by_people() {
    let at: Time = "2026-07-14T09:05:03.9Z".parse().unwrap();
    assert_eq!((clock(at), date(at)), ("09:05:03".to_owned(), "14 July 2026".to_owned()));
    for (seconds, words) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (150, "2 min 30 s"), (7_260, "2 h 1 min")] {
        assert_eq!(span(Span::from_seconds(seconds)), words);
    }
    assert_eq!(
        (metres(3.04), metres(480.4), metres(12_345.0)),
        ("3.0 m".to_owned(), "480 m".to_owned(), "12.3 km".to_owned())
    );
    assert_eq!(speed(10.0), "10 m/s (36 km/h)");
}

#[test]
fn a_plot_breaks_its_line_where_nothing_is_known_and_is_none_without_values() {
    let at = |s: i64| Time::from_seconds(1_784_000_000 + s);
    let plot = |values: Vec<(Time, Option<f64>)>| {
        let series = vec![Series { label: "T1".to_owned(), number: 0, values }];
        let instants = [Mark { at: at(1), label: "raised <b>".to_owned() }];
        Plot {
            title: "Height",
            unit: "m",
            from: at(0),
            to: at(10),
            series,
            instants: &instants,
            levels: vec![Mark { at: 60.0, label: "ceiling".to_owned() }],
            range: None,
            below_zero: None,
        }
        .svg()
    };
    assert_eq!(plot(vec![(at(0), None), (at(1), None)]), None);
    let svg = plot(vec![(at(0), Some(40.0)), (at(1), Some(50.0)), (at(2), None), (at(3), Some(55.0))]).unwrap();
    let path = svg.split("<path d=\"M").last().unwrap();
    assert_eq!((path.matches('M').count(), path.split('"').next().unwrap().matches('L').count()), (1, 1), "{path}");
    assert!(svg.contains("raised &lt;b&gt;") && svg.contains("ceiling"));
    // One value alone still has an axis.
    assert!(plot(vec![(at(0), Some(7.0))]).unwrap().contains("<circle"));
}
