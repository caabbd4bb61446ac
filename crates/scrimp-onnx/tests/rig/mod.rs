//! Small models, made here, and the training script.

#![allow(dead_code, unreachable_pub, reason = "each program uses its own part")]

use std::time::Duration;

use prost::Message;
use scrimp_onnx::{OnnxPredictor, Vocabulary};
use scrimp_prefetch::{ItemId, Next, Prediction, Predictor, Trail, Visit};
use tract_onnx::pb::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, ValueInfoProto,
    tensor_proto::DataType, tensor_shape_proto::Dimension, tensor_shape_proto::dimension,
    type_proto,
};

/// Writes a vocabulary as JSON.
pub fn vocabulary(templates: &[&str]) -> Vocabulary {
    let json = format!("{{\"templates\": {templates:?}}}");
    json.parse().expect("a vocabulary")
}

/// Returns a model that multiplies its input with weights, a row for each feature, and takes the softmax.
pub fn linear(weights: &[Vec<f32>]) -> Vec<u8> {
    let (features, templates) = (weights.len(), weights[0].len());
    let tensor = TensorProto {
        dims: vec![features as i64, templates as i64],
        data_type: DataType::Float as i32,
        float_data: weights.concat(),
        name: "weights".into(),
        ..TensorProto::default()
    };
    let node = |op: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: op.into(),
        name: op.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    };
    let graph = GraphProto {
        name: "linear".into(),
        initializer: vec![tensor],
        input: vec![value("row", features)],
        output: vec![value("probabilities", templates)],
        node: vec![
            node("MatMul", &["row", "weights"], "scores"),
            node("Softmax", &["scores"], "probabilities"),
        ],
        ..GraphProto::default()
    };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(graph),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

/// Describes a row of floats.
fn value(name: &str, columns: usize) -> ValueInfoProto {
    let dimension = |value: usize| Dimension {
        value: Some(dimension::Value::DimValue(value as i64)),
        ..Dimension::default()
    };
    let shape = tract_onnx::pb::TensorShapeProto {
        dim: vec![dimension(1), dimension(columns)],
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(shape),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// Returns a predictor that expects after each template another one.
pub fn after(templates: &[&str], pairs: &[(usize, usize)]) -> OnnxPredictor {
    let vocabulary = vocabulary(templates);
    let mut weights = vec![vec![0.0; templates.len()]; vocabulary.features()];
    for (last, next) in pairs {
        weights[*last][*next] = 5.0;
    }
    OnnxPredictor::new(&linear(&weights), vocabulary).expect("a model")
}

/// Returns the identity of a path.
pub fn item(path: &str) -> ItemId {
    let bytes = path.bytes();
    ItemId::of_hash(bytes.fold(7, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// Lets a session visit paths, and returns what is expected then.
pub fn visit(
    predictor: &mut OnnxPredictor,
    all: &[&str],
    since: Option<Duration>,
) -> Vec<(String, f64)> {
    let (mut trail, mut predictions) = (Trail::new(), Vec::<Prediction>::new());
    for path in all {
        let uri = path.parse().expect("a path");
        let visit = Visit::new(item(path), &uri, since);
        predictor.observe(&trail, &visit);
        trail.push(visit.item);
        predictions.clear();
        predictor.predict(&trail, &visit, &mut predictions);
    }
    let plain = predictions.into_iter().map(|one| match one.next {
        Next::Path(path) => (path, one.confidence),
        Next::Item(_) => unreachable!("it predicts paths"),
    });
    plain.collect()
}
