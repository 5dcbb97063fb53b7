/// Every format there is; a new one adds its line here and nowhere else.
package enum QuantFormats {
  /// All formats: plain number types first, then blocks in the order of their GGUF numbers.
  package static let all: [any QuantFormat.Type] = [
    F32.self, F16.self, BF16.self, F64.self,
    I8.self, I16.self, I32.self, I64.self,
    BOOL.self, U8.self, U16.self, U32.self, U64.self, F8_E4M3.self, F8_E5M2.self, F8_E8M0.self,
    Q4_0.self, Q4_1.self, Q5_0.self, Q5_1.self, Q8_0.self, Q8_1.self,
    Q2_K.self, Q3_K.self, Q4_K.self, Q5_K.self, Q6_K.self, Q8_K.self,
    IQ2_XXS.self, IQ2_XS.self, IQ3_XXS.self, IQ1_S.self, IQ4_NL.self, IQ3_S.self, IQ2_S.self, IQ4_XS.self,
    IQ1_M.self, TQ1_0.self, TQ2_0.self, MXFP4.self, NVFP4.self, Q1_0.self, Q2_0.self,
  ]
}
