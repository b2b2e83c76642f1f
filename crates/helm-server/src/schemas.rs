//! What the OpenAPI document cannot see from the types: words that are checked after they are read, and what may stand in
//! the place of a text.

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, Object, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::wire::TextOr;

/// One of these words.
pub(crate) fn words(words: &[&str]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied())).build()
}

/// Null and nothing else: a field that the API has and Helm has no value for.
pub(crate) fn null() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).build()
}

/// This, or null.
pub(crate) fn or_null(schema: impl Into<Schema>) -> Schema {
    one_of([null().into(), RefOr::T(schema.into())])
}

/// An object with whatever fields, as a JSON Schema.
pub(crate) fn object() -> Object {
    ObjectBuilder::new().schema_type(Type::Object).build()
}

/// A text, or a list of texts.
pub(crate) fn text_or_texts() -> Schema {
    text_or(Schema::Array(Array::new(text())))
}

/// A text, or this.
pub(crate) fn text_or(other: Schema) -> Schema {
    one_of([text().into(), other.into()])
}

/// One of these.
pub(crate) fn one_of<const N: usize>(forms: [RefOr<Schema>; N]) -> Schema {
    let forms = forms.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item);
    Schema::OneOf(forms.build())
}

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

/// A text, or a list of such things.
impl<T: ToSchema> PartialSchema for TextOr<Vec<T>> {
    fn schema() -> RefOr<Schema> {
        text_or(Schema::Array(Array::new(Ref::from_schema_name(T::name())))).into()
    }
}

impl<T: ToSchema> ToSchema for TextOr<Vec<T>> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("TextOr{}", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}
