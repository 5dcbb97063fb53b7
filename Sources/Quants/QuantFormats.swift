import Base

/// Every format there is; a new one adds its line here and nowhere else.
package enum QuantFormats {
  /// All formats: plain number types first, then blocks in the order of their GGUF numbers.
  ///
  /// What has no codec is carried from file to file without looking inside: GGUF has no number for some of these, and Q8_1 and
  /// Q8_K are what programs compute with.
  package static let all: [TensorType] = [
    TensorType(F32.self), TensorType(F16.self), TensorType(BF16.self), TensorType(F64.self),
    TensorType(.i8, ggufID: 24), TensorType(.i16, ggufID: 25), TensorType(.i32, ggufID: 26),
    TensorType(.i64, ggufID: 27),
    TensorType(.bool), TensorType(.u8), TensorType(.u16), TensorType(.u32), TensorType(.u64),
    TensorType(.f8_e4m3), TensorType(.f8_e5m2), TensorType(.f8_e8m0),
    TensorType(Q4_0.self), TensorType(Q4_1.self), TensorType(Q5_0.self), TensorType(Q5_1.self), TensorType(Q8_0.self),
    TensorType("Q8_1", ggufID: 9, elements: 32, bytes: 36, scales: .halves(at: 0, and: 2)),
    TensorType(Q2_K.self), TensorType(Q3_K.self), TensorType(Q4_K.self), TensorType(Q5_K.self), TensorType(Q6_K.self),
    TensorType("Q8_K", ggufID: 15, elements: 256, bytes: 292, scales: .single(at: 0)),
    TensorType(IQ2_XXS.self), TensorType(IQ2_XS.self), TensorType(IQ3_XXS.self), TensorType(IQ1_S.self),
    TensorType(IQ4_NL.self), TensorType(IQ3_S.self), TensorType(IQ2_S.self), TensorType(IQ4_XS.self),
    TensorType(IQ1_M.self), TensorType(TQ1_0.self), TensorType(TQ2_0.self), TensorType(MXFP4.self),
    TensorType(NVFP4.self), TensorType(Q1_0.self), TensorType(Q2_0.self),
  ]
}
