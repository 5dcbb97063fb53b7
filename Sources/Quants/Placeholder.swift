enum QuantsPlaceholder {}
