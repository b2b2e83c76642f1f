use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// JSON whose objects keep the order in which their fields were written, which [`Value`] does not.
///
/// To models the order says something: providers have the fields of structured answers written in the order of their
/// schema. To everything else it says nothing, so two of these are equal when their [values](OrderedValue::to_value)
/// are. Of two fields of one name the last counts, in the place of the first.
///
/// ```
/// use helm_llm::OrderedValue;
///
/// let text = r#"{"why":"it rains","answer":true}"#;
/// let ordered: OrderedValue = serde_json::from_str(text)?;
/// assert_eq!(serde_json::to_string(&ordered)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct OrderedValue(Kind);

#[derive(Clone)]
enum Kind {
    /// Whatever has no fields within it.
    Plain(Value),
    List(Vec<OrderedValue>),
    Object(Vec<(String, OrderedValue)>),
}

impl OrderedValue {
    /// The value without the order.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.0 {
            Kind::Plain(value) => value.clone(),
            Kind::List(items) => items.iter().map(Self::to_value).collect(),
            Kind::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (name.clone(), value.to_value()));
                Value::Object(fields.collect())
            }
        }
    }
}

impl From<Value> for OrderedValue {
    /// Its fields are in the order that the value has them in.
    fn from(value: Value) -> Self {
        Self(match value {
            Value::Array(items) => Kind::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => {
                Kind::Object(fields.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
            plain => Kind::Plain(plain),
        })
    }
}

impl PartialEq for OrderedValue {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl fmt::Debug for OrderedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_value(), f)
    }
}

impl Serialize for OrderedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Plain(value) => value.serialize(serializer),
            Kind::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Kind::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| object.serialize_entry(name, value))?;
                object.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for OrderedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = OrderedValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_str<E>(self, value: &str) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_string<E>(self, value: String) -> Result<OrderedValue, E> {
        Ok(Value::from(value).into())
    }

    fn visit_unit<E>(self) -> Result<OrderedValue, E> {
        Ok(Value::Null.into())
    }

    fn visit_none<E>(self) -> Result<OrderedValue, E> {
        Ok(Value::Null.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<OrderedValue, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<OrderedValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(OrderedValue(Kind::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderedValue, A::Error> {
        let (mut fields, mut places) = (Vec::<(String, OrderedValue)>::new(), BTreeMap::new());
        while let Some((name, value)) = map.next_entry::<String, OrderedValue>()? {
            let place = *places.entry(name.clone()).or_insert(fields.len());
            match fields.get_mut(place) {
                Some(field) => field.1 = value,
                None => fields.push((name, value)),
            }
        }
        Ok(OrderedValue(Kind::Object(fields)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> OrderedValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_last_of_two_fields_of_one_name_counts() {
        let twice = read(r#"{"b":1,"a":{"y":null,"x":[true,"s",-1.5]},"b":18446744073709551615}"#);
        let written = r#"{"b":18446744073709551615,"a":{"y":null,"x":[true,"s",-1.5]}}"#;
        assert_eq!(serde_json::to_string(&twice).unwrap(), written);
        assert_eq!(twice.to_value(), serde_json::from_str::<Value>(written).unwrap());
        assert_eq!(twice, OrderedValue::from(twice.to_value()));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-z\"\\\\☃]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-d☃]{0,2}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_and_written_as_it_is(value in any_json()) {
            let text = value.to_string();
            let ordered = read(&text);
            prop_assert_eq!(serde_json::to_string(&ordered).unwrap(), text);
            prop_assert_eq!(ordered.to_value(), value);
        }
    }
}
