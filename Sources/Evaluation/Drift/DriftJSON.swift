import Base

extension LayerDrift {
  /// The figures by their keys.
  var json: OrderedJSON {
    var object: OrderedObject = ["layer": .integer(Int64(layer)), "kind": .string(kind.rawValue)]
    for (key, value) in accumulated.object.entries { object[key] = value }
    object["own"] = own.map { .object($0.object) } ?? .null
    return .object(object)
  }
}

extension RowDifference {
  fileprivate var object: OrderedObject {
    [
      "relative_error": .number(relativeError), "relative_error_median_token": .number(medianError),
      "relative_error_max_token": .number(largestError), "cosine_mean": .number(meanCosine),
      "cosine_min": .number(leastCosine),
    ]
  }
}

extension TensorDifference {
  /// The figures by their keys.
  var json: OrderedJSON {
    .object([
      "name": .string(name), "component": .string(component.rawValue), "type_before": .string(typeBefore),
      "type_after": .string(typeAfter), "weights": .integer(Int64(count)), "relative_error": .number(relativeError),
      "cosine": .number(cosine), "largest_error": .number(largestError),
    ])
  }
}

extension ComponentDifference {
  /// The figures by their keys.
  var json: OrderedJSON {
    .object([
      "component": .string(component.rawValue), "tensors": .integer(Int64(tensors)),
      "weights": .integer(Int64(weights)), "relative_error": .number(relativeError), "worst": .string(worst),
    ])
  }
}
