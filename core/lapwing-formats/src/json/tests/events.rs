//! Events as lines.

use crate::json::{EventLines, JsonOutputConfig};
use crate::{Encoder, FORMATS};
use lapwing_model::{
    AirText, Claim, ClaimedOperator, Event, EventBody, Personal, Place, Position, Protocol, Time, TrackId,
};

fn event(body: EventBody) -> Event {
    Event { sequence: 7, at: Time::from_millis(1_777_627_800_123), cause: Some(Position(3)), body }
}

fn with_operator() -> Event {
    let mut claim = Claim::new(Protocol::RemoteId);
    claim.speed_mps = Some(0.1 + 0.2);
    claim.operator = Some(ClaimedOperator {
        place: Some(Personal::new(Place { latitude_deg: 47.123456789, longitude_deg: 8.7302 })),
        id: Some(Personal::new(AirText::new("CHE-OP-SECRET"))),
        ..ClaimedOperator::default()
    });
    event(EventBody::ClaimWithoutPlace { claim: Box::new(claim) })
}

fn encode(config: JsonOutputConfig, event: &Event) -> String {
    let mut out = Vec::new();
    EventLines::new(config).encode(event, None, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn an_event_is_one_line_and_comes_back() {
    let ended = event(EventBody::TrackEnded { track: TrackId(4), why: AirText::new("a \"quoted\" word") });
    for event in [ended, with_operator()] {
        let line = encode(JsonOutputConfig { personal: true }, &event);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(line.ends_with('\n'));
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        assert!(!line.contains("masked"));
    }
}

#[test]
fn operators_are_masked_unless_asked_for() {
    let line = encode(JsonOutputConfig::default(), &with_operator());
    assert!(!line.contains("47.12") && !line.contains("SECRET"), "{line}");
    assert!(line.contains("\"masked\":[\"operator\"]"), "{line}");
    let mut expected = with_operator();
    if let EventBody::ClaimWithoutPlace { claim } = &mut expected.body {
        claim.operator = None;
    }
    assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), expected);
}

#[test]
fn the_output_is_configured_by_its_table() {
    let open = FORMATS.iter().find(|f| f.name == "json").unwrap().encoder.unwrap();
    let parse = |text: &str| {
        let table = toml::de::DeTable::parse(text).unwrap();
        let span = table.span();
        open(toml::Spanned::new(span, toml::de::DeValue::Table(table.into_inner()))).map(|mut encoder| {
            let mut out = Vec::new();
            encoder.encode(&with_operator(), None, &mut out);
            String::from_utf8(out).unwrap()
        })
    };
    assert!(parse("personal = true").unwrap().contains("SECRET"));
    assert!(!parse("").unwrap().contains("SECRET"));
    let error = parse("personnal = true").unwrap_err().to_string();
    assert!(error.contains("personnal"), "{error}");
}
