import Base
import Quants

extension Recipe {
  /// The published recipes someone may have meant by a name that is none: `q4km`, or what other programs call it.
  package static func meant(by name: String) -> [String] {
    if let known = elsewhere[name.lowercased()] { return [known] }
    return NearNames.meant(name, among: available)
  }

  /// The types someone may have meant by a name that is none.
  package static func types(meantBy name: String) -> [String] {
    let writable = TensorType.writable.map(\.name)
    if let known = elsewhere[name.lowercased()], writable.contains(known) { return [known] }
    return NearNames.meant(name, among: writable)
  }

  /// What other programs call it, by what comes nearest to it here.
  private static let elsewhere = [
    "q2": "Q2_K", "q3": "Q3_K_M", "q4": "Q4_K_M", "q5": "Q5_K_M", "q6": "Q6_K", "q8": "Q8_0", "int8": "Q8_0",
    "int4": "Q4_K_M", "8bit": "Q8_0", "4bit": "Q4_K_M", "8-bit": "Q8_0", "4-bit": "Q4_K_M", "w8": "Q8_0",
    "w4": "Q4_K_M", "nf4": "Q4_K_M", "fp8": "Q8_0", "fp16": "F16", "float16": "F16", "half": "F16",
    "bfloat16": "BF16", "fp32": "F32", "float32": "F32", "float": "F32",
  ]
}
