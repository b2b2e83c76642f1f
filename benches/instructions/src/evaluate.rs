use helm_eval::{EvaluationEngine, Exchange};

use crate::Step;

const QUESTION: &str =
    "How can I plan a week of cycling along the coast of Portugal, and what should I take with me?";
const PASSAGE: &str = "The Atlantic route of Portugal runs 950 km from Caminha to Vila Real de Santo António. In summer the wind \
    blows from the north, so most cyclists ride south. Trains carry bicycles free of charge on regional lines.";
const ANSWER: &str = "Start in the north, at Caminha, and ride south with the wind in your back. Plan about 60 km a day: a week \
    brings you to Lisbon, if you skip the hills around Sintra. Regional trains carry bicycles free of charge, so you can \
    always shorten a day. Take a light tent, because camp sites lie every 20 to 40 km, a rain jacket, two spare tubes and \
    a pump. South of Sines shops are rare, so carry water and food for a day. However, in August the coast is crowded; \
    book the first night, and perhaps the last one, before you leave.";

/// All inline evaluators on an answer of a hundred words.
pub(crate) fn inline() -> anyhow::Result<Step> {
    let engine = EvaluationEngine::all_inline()?;
    let runtime = crate::runtime()?;
    Ok(Box::new(move |_| {
        let passages = [PASSAGE];
        let exchange = Exchange::new(QUESTION, ANSWER).with_passages(&passages).with_violations(&[]);
        Ok(runtime.block_on(engine.evaluate(&exchange)).len())
    }))
}
